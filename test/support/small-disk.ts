/**
 * The arguments of `unshare` that run a program in a mount namespace of its own, in which `folder` is a disk of a few
 * kilobytes. It needs no privileges; the disk goes with the program.
 */
export function onSmallDisk(folder: string, kilobytes: number, program: readonly string[]): string[] {
  const script = `mount -t tmpfs -o size=${kilobytes}k none '${folder}' && exec "$@"`
  return ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', ...program]
}
