'use strict'
// Old syntax on purpose: this file runs on any Node >= 18, before anything is installed.
const { spawn, spawnSync } = require('node:child_process')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const root = path.resolve(__dirname, '..')
const MINIMUM = [22, 18]

function satisfies(version) {
  const parts = version.split('.').map(Number)
  return parts[0] > MINIMUM[0] || (parts[0] === MINIMUM[0] && parts[1] >= MINIMUM[1])
}

/** Runs `npm ci` when dependencies are absent or the lock file is not the one they were installed from. */
function ensureDependencies() {
  const lockFile = path.join(root, 'package-lock.json')
  if (!fs.existsSync(lockFile)) return // the published package: npm has installed everything already
  const stamp = path.join(root, 'node_modules', '.sluice-lock')
  const hash = createHash('sha256').update(fs.readFileSync(lockFile)).digest('hex')
  let seen = ''
  try {
    seen = fs.readFileSync(stamp, 'utf8')
  } catch {
    // never installed by us
  }
  if (seen === hash) return
  process.stderr.write('sluice: installing dependencies (npm ci) ...\n')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const result = spawnSync(npm, ['ci', '--no-fund', '--no-audit', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    timeout: 15 * 60 * 1000,
  })
  if (result.status !== 0) {
    process.stderr.write('sluice: npm ci failed; run it by hand in ' + root + ' to see why\n')
    process.exit(1)
  }
  fs.writeFileSync(stamp, hash)
}

/** The Node that runs Sluice: this one when it is new enough, else the one locked in the optional dependencies. */
function findNode() {
  if (satisfies(process.versions.node)) return process.execPath
  const name = 'node-' + process.platform + '-' + process.arch
  let directory
  try {
    directory = path.dirname(require.resolve(name + '/package.json', { paths: [root] }))
  } catch {
    // no such package for this platform
  }
  const candidate = directory && path.join(directory, 'bin', 'node')
  if (candidate && fs.existsSync(candidate)) return candidate
  process.stderr.write(
    'sluice: Node ' +
      MINIMUM.join('.') +
      ' or newer is needed, this is ' +
      process.versions.node +
      ', and no packaged Node exists for ' +
      process.platform +
      '-' +
      process.arch +
      '. Install Node 24.\n',
  )
  process.exit(1)
}

/** Runs a program as if it were this one: it gets our signals and its exit code is ours, 128 + n when signal n ended it. */
function runInPlace(file, args, options, onExit) {
  const child = spawn(file, args, Object.assign({ stdio: 'inherit' }, options))
  // On a terminal Ctrl-C reaches it twice then, which is no more than once; sent to this process alone it must reach it at all.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write('sluice: ' + file + ' cannot be run: ' + error.message + '\n')
    onExit(1)
  })
  child.on('exit', (code, signal) => onExit(code === null ? 128 + (os.constants.signals[signal] || 1) : code))
}

module.exports = { ensureDependencies, findNode, root, runInPlace, satisfies }
