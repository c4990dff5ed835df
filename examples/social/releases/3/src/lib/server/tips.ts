export interface Tip {
  text: string
  link: { href: string; label: string }
}

const tips = [
  { text: 'Put a # before a word to make it a topic.', link: { href: '/t/plaza', label: 'See one' } },
  { text: 'A profile shows all that somebody has said.', link: { href: '/', label: 'Pick somebody' } },
  { text: 'Posts are short: 500 characters at most.', link: { href: '/', label: 'Write one' } },
  { text: 'Hearts can be taken back.', link: { href: '/', label: 'Try it' } },
  { text: 'Be kind: there are people behind the names.' },
] as Tip[]

/** Another one at every visit. */
export function tipOfTheMoment(): Tip {
  const tip = tips[Math.floor(Math.random() * tips.length)] as Tip
  return { text: tip.text, link: { href: tip.link.href, label: tip.link.label } }
}
