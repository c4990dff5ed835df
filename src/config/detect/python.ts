import type { Detector } from './detector.ts'
import { healthPathIn } from './health.ts'
import type { ProjectFolder, SourceFile } from './project-folder.ts'

const asgi: Readonly<Record<string, string>> = {
  FastAPI: 'FastAPI',
  Starlette: 'Starlette',
  Litestar: 'Litestar',
  Quart: 'Quart',
}
const interpreter = '.venv/bin/python'

interface App {
  readonly framework: string
  /** `main:app`, as servers want it. */
  readonly target: string
  readonly isFactory: boolean
}

/** ASGI applications on uvicorn, WSGI applications on gunicorn; packages from requirements.txt or pyproject.toml. */
export const python: Detector = {
  name: 'python',
  async detect(folder) {
    const list = await requirements(folder)
    if (list === null) return null
    const sources = await folder.sources(['.py'])
    const app = findApp(sources)
    if (app === null && !['uvicorn', 'gunicorn', 'fastapi', 'flask', 'django'].some((name) => names(list, name)))
      return null
    const isAsgi = app === null ? names(list, 'uvicorn') || names(list, 'fastapi') : app.framework in asgi
    const server = isAsgi && !names(list, 'hypercorn') ? 'uvicorn' : 'gunicorn'
    const hasServer = names(list, server) || (server === 'uvicorn' && /fastapi\[(?:standard|all)\]/i.test(list))
    const health = healthPathIn(sources)
    return {
      framework: `${app?.framework ?? 'Python'} on ${server}`,
      service: 'web',
      settings: {
        kind: 'web',
        start: server === 'uvicorn' ? uvicorn(app) : gunicorn(app),
        ...(health === null ? {} : { health }),
        env: { PYTHONUNBUFFERED: '1' },
      },
      todo: [
        ...(hasServer
          ? []
          : [
              `add ${server} to ${folder.has('requirements.txt') ? 'requirements.txt' : 'the dependencies of pyproject.toml'}`,
            ]),
        ...(app === null ? [`set services.web.start: no application object was found, so it names main:app`] : []),
      ],
      notes:
        health === null ? ['no health path was found: an instance counts as ready once it accepts connections'] : [],
    }
  },
}

function uvicorn(app: App | null): string {
  const factory = app?.isFactory ? ' --factory' : ''
  return `${interpreter} -m uvicorn ${app?.target ?? 'main:app'}${factory} --host "$HOST" --port "$PORT" --proxy-headers --timeout-keep-alive 120`
}

function gunicorn(app: App | null): string {
  const target = app?.isFactory ? `'${app.target}()'` : (app?.target ?? 'main:app')
  return `${interpreter} -m gunicorn ${target} --bind "$HOST:$PORT" --threads 8 --keep-alive 120`
}

/** The text of what is asked for; null where neither file is. */
async function requirements(folder: ProjectFolder): Promise<string | null> {
  const texts = await Promise.all(['requirements.txt', 'pyproject.toml'].map((file) => folder.read(file)))
  const found = texts.filter((text) => text !== null)
  return found.length === 0 ? null : found.join('\n')
}

function names(list: string, name: string): boolean {
  return new RegExp(`(?:^|["'\\s])${name}(?:[\\[=<>~!;,"'\\s]|$)`, 'im').test(list)
}

function findApp(sources: readonly SourceFile[]): App | null {
  const modules = [...sources].sort((a, b) => rank(a.path) - rank(b.path))
  for (const { path, text } of modules) {
    const [, variable, framework] =
      /^(\w+)(?::\s*\w+)?\s*=\s*(FastAPI|Starlette|Litestar|Quart|Flask)\(/m.exec(text) ?? []
    if (variable !== undefined && framework !== undefined) {
      return { framework, target: `${moduleName(path)}:${variable}`, isFactory: false }
    }
  }
  for (const { path, text } of modules) {
    const factory = /^def (create_app|make_app|build_app)\(/m.exec(text)?.[1]
    const framework = /\b(FastAPI|Starlette|Litestar|Quart|Flask)\(/.exec(text)?.[1]
    if (factory !== undefined && framework !== undefined) {
      return { framework, target: `${moduleName(path)}:${factory}`, isFactory: true }
    }
  }
  const wsgi = modules.find(({ path, text }) => path.endsWith('wsgi.py') && text.includes('get_wsgi_application'))
  return wsgi === undefined
    ? null
    : { framework: 'Django', target: `${moduleName(wsgi.path)}:application`, isFactory: false }
}

/** `main.py` and `app.py` before others, shallow before deep. */
function rank(path: string): number {
  const file = path.split('/').at(-1) ?? ''
  const preferred = ['main.py', 'app.py', 'asgi.py', 'wsgi.py', '__init__.py', 'server.py'].indexOf(file)
  return path.split('/').length * 10 + (preferred === -1 ? 9 : preferred)
}

function moduleName(path: string): string {
  return path
    .replace(/\.py$/, '')
    .replace(/\/__init__$/, '')
    .replaceAll('/', '.')
}
