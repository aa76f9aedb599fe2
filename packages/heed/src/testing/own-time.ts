/**
 * Milliseconds that a piece of work takes. Where other processes keep the machine busy, the time in which
 * this one was running counts.
 */
export function ownTime(work: () => void): number {
  const [begun, before] = [performance.now(), process.cpuUsage()]
  work()
  const { user, system } = process.cpuUsage(before)
  return Math.min(performance.now() - begun, (user + system) / 1000)
}
