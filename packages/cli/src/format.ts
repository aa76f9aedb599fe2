/** Numbers as people read them. */

function scaled(value: number, base: number, units: readonly string[]): string {
  let power = 0
  while (value >= base * 0.9995 && power < units.length - 1) {
    value /= base
    power++
  }
  const digits = power === 0 || value >= 99.95 ? 0 : 1
  return `${value.toFixed(digits)} ${units[power]}`
}

/** 3221225472 -> '3.0 GiB' */
export function bytesText(bytes: number): string {
  return scaled(bytes, 1024, ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'])
}

/** 1.165e11, 'flop/s' -> '116 Gflop/s' */
export function rateText(value: number, unit: string): string {
  return scaled(value, 1000, [unit, `k${unit}`, `M${unit}`, `G${unit}`, `T${unit}`])
}

/** 3725 seconds -> '1 h 02 min'; 75 -> '1 min 15 s'; 4.2 -> '4 s' */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const two = (value: number): string => String(value).padStart(2, '0')
  if (hours > 0) return `${hours} h ${two(minutes)} min`
  return minutes > 0 ? `${minutes} min ${two(rest)} s` : `${rest} s`
}

/** 5432100 -> '5,432,100' */
export function countText(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}
