import { Center, Group, Text, Tooltip, VisuallyHidden } from '@mantine/core';
import { count, duration, percent } from '@/ui/numbers';
import { type Bar, type Bucket, barsOf } from './buckets';
import classes from './Overview.module.css';

/** How many calls took how long: bars to look at, the same as a table for those who listen. */
export function Histogram({ buckets }: { buckets: readonly Bucket[] }) {
  const bars = barsOf(buckets);
  const highest = Math.max(1, ...bars.map((bar) => bar.calls));
  const all = bars.reduce((sum, bar) => sum + bar.calls, 0);
  if (bars.length === 0) {
    return (
      <Center h={292}>
        <Text size="sm" c="dimmed">
          No calls in this time
        </Text>
      </Center>
    );
  }
  const middle = bars[Math.floor((bars.length - 1) / 2)];
  return (
    <div>
      <div className={classes.buckets} aria-hidden>
        {bars.map((bar) => (
          <Tooltip
            key={bar.most_ms}
            label={`${between(bar)}: ${count(bar.calls)} calls, ${percent(bar.calls / all)}`}
          >
            <div className={classes.bucket}>
              <span style={{ height: bar.calls === 0 ? 0 : `max(2px, ${(bar.calls / highest) * 100}%)` }} />
            </div>
          </Tooltip>
        ))}
      </div>
      <Group justify="space-between" mt={4} aria-hidden>
        {[bars[0], middle, bars.at(-1)].map((bar, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: begin, middle and end
          <Text key={place} size="xs" c="dimmed" className="number">
            {bar && label(place === 0 ? bar.from_ms : bar.most_ms)}
          </Text>
        ))}
      </Group>
      <VisuallyHidden>
        <table>
          <caption>How many calls took how long</caption>
          <tbody>
            {bars.map((bar) => (
              <tr key={bar.most_ms}>
                <th scope="row">{between(bar)}</th>
                <td>{count(bar.calls)} calls</td>
              </tr>
            ))}
          </tbody>
        </table>
      </VisuallyHidden>
    </div>
  );
}

function label(ms: number): string {
  return ms === 0 ? '0' : duration(ms);
}

function between({ from_ms, most_ms }: Bar): string {
  return from_ms === 0 ? `up to ${duration(most_ms)}` : `${duration(from_ms)} – ${duration(most_ms)}`;
}
