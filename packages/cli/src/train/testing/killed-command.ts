import { fragileDisk, type Moment } from './fragile-disk.js'

/**
 * Loaded before the command: the process kills itself at the disk operation that HEED_KILL_AT names, at
 * HEED_KILL_MOMENT.
 */
await fragileDisk({
  at: Number(process.env['HEED_KILL_AT']),
  moment: process.env['HEED_KILL_MOMENT'] as Moment,
  kind: 'die',
  happen: () => {
    process.kill(process.pid, 'SIGKILL')
    // The signal comes at once; nothing after it may run.
    for (;;);
  },
})
