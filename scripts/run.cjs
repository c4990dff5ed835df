'use strict'
// Entry of every npm script: installs what is missing, finds the right Node, runs the task with it.
const path = require('node:path')
const { ensureDependencies, findNode, root, runInPlace } = require('./bootstrap.cjs')

ensureDependencies()
const node = findNode()
const module_ = (...parts) => path.join(root, 'node_modules', ...parts)
const [task, ...rest] = process.argv.slice(2)

const tasks = {
  demo: [[node, path.join(root, 'bench', 'demo', 'main.ts')]],
  test: [[node, path.join(root, 'scripts', 'test.ts')]],
  bench: [[node, path.join(root, 'bench', 'main.ts')]],
  generate: [[node, path.join(root, 'scripts', 'generate.ts')]],
  build: [
    [node, module_('typescript', 'bin', 'tsc'), '-p', path.join(root, 'tsconfig.build.json')],
    [node, path.join(root, 'scripts', 'copy-assets.ts')],
  ],
  check: [[node, path.join(root, 'scripts', 'check.ts')]],
  format: [[module_('.bin', 'biome'), 'check', '--write', '--linter-enabled=false', root]],
}

const commands = tasks[task]
if (!commands) {
  process.stderr.write('unknown task ' + task + '; known: ' + Object.keys(tasks).join(', ') + '\n')
  process.exit(2)
}

function next(index) {
  if (index === commands.length) return
  const [command, ...args] = commands[index]
  const options = {
    cwd: root,
    env: Object.assign({}, process.env, { PATH: path.dirname(node) + path.delimiter + process.env.PATH }),
  }
  runInPlace(command, args.concat(index === commands.length - 1 ? rest : []), options, (code) => {
    if (code !== 0) process.exit(code)
    next(index + 1)
  })
}
next(0)
