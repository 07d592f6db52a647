import { messageOf } from '../../src/domain/failure.ts'
import { runProgram } from '../../src/process/run-program.ts'
import { type Compose, obtainCompose } from './obtain-compose.ts'

const IMAGE = 'jobwarden:0.1.0'
const BUILD_WITHIN_MS = 600_000
const UP_WITHIN_MS = 300_000
const COMMAND_WITHIN_MS = 120_000

/** docker-compose.yml of the repository, brought up under a name of its own. */
export class ComposeProject {
  readonly #compose: Compose
  readonly #files: readonly string[]
  readonly #name = `jobwarden-test-${process.pid}`

  private constructor(compose: Compose, overrides: readonly string[]) {
    this.#compose = compose
    this.#files = ['docker-compose.yml', ...overrides].flatMap((file) => ['--file', file])
  }

  /**
   * Builds the image and brings everything up; resolves once every service is healthy.
   * @param overrides Compose files that change docker-compose.yml for a test
   */
  static async up(overrides: readonly string[] = []): Promise<ComposeProject> {
    const project = new ComposeProject(await obtainCompose(), overrides)
    // The classic builder finds base images that are on this machine alone.
    await runProgram('docker', ['build', '--quiet', '--tag', IMAGE, '.'], {
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
      timeoutMs: BUILD_WITHIN_MS,
    })
    try {
      await project.call(['up', '--wait'], UP_WITHIN_MS)
    } catch (error) {
      const logs = await project.call(['logs', '--tail', '20']).catch(messageOf)
      await project.down()
      throw new Error(`the stack did not come up:\n${logs}`, { cause: error })
    }
    return project
  }

  /** Runs `docker compose` with these arguments and returns what it prints. @throws Error with its last lines */
  call(args: readonly string[], timeoutMs = COMMAND_WITHIN_MS): Promise<string> {
    const { file, args: first } = this.#compose
    // The auditor looks for activations and lost denials more often than anybody would want to wait.
    const env = { ...process.env, JOBWARDEN_SWEEP_MS: '2000' }
    return runProgram(file, [...first, ...this.#files, '--project-name', this.#name, ...args], { timeoutMs, env })
  }

  /** Runs a service once, with its command replaced by these arguments. */
  run(service: string, args: readonly string[] = [], flags: readonly string[] = []): Promise<string> {
    return this.call(['run', '--rm', '--no-deps', '--no-TTY', ...flags, service, ...args])
  }

  /** Runs a program in the container of a service. */
  exec(service: string, ...args: readonly string[]): Promise<string> {
    return this.call(['exec', '--no-TTY', service, ...args])
  }

  /** The address of a service on the bridge of the project, which this machine reaches though nothing is published. */
  async address(service: string): Promise<string> {
    const [id = ''] = await this.containers(service)
    const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
    return (await runProgram('docker', ['inspect', '--format', format, id])).trim()
  }

  /** A secret of the operator's. */
  async secret(file: string): Promise<string> {
    return (await this.run('console', [`/secrets/${file}`], ['--entrypoint', 'cat'])).trim()
  }

  /** Starts a service again, and resolves once it is healthy. The others stay as they are. */
  async start(service: string): Promise<void> {
    await this.call(['up', '--wait', '--no-deps', '--no-recreate', service])
  }

  /** What services have logged since a time (ISO 8601). */
  logs(since: string, ...services: readonly string[]): Promise<string> {
    return this.call(['logs', '--no-color', '--no-log-prefix', '--since', since, ...services])
  }

  /** The ids of the running containers of a service. */
  async containers(service: string): Promise<readonly string[]> {
    return (await this.call(['ps', '--quiet', service])).split('\n').filter((id) => id !== '')
  }

  /** Removes containers, networks and volumes. */
  async down(): Promise<void> {
    await this.call(['--profile', 'tools', 'down', '--volumes', '--timeout', '5', '--remove-orphans'])
  }

  /** The containers, networks and volumes that bear the name of this project. After `down` there are none. */
  async leftovers(): Promise<readonly string[]> {
    const label = ['--quiet', '--filter', `label=com.docker.compose.project=${this.#name}`]
    const listings = [
      ['ps', '--all'],
      ['network', 'ls'],
      ['volume', 'ls'],
    ].map((kind) => runProgram('docker', [...kind, ...label]))
    return (await Promise.all(listings)).flatMap((ids) => ids.split('\n').filter((id) => id !== ''))
  }
}
