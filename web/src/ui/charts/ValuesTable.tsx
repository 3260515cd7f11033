import { ScrollArea, Table } from '@mantine/core';
import { tick, whole } from './moments';
import { type DrawnLine, FORMATS, type Series } from './series';

type Props = { label: string; series: Series; lines: readonly DrawnLine[]; height: number };

/** Every value, exact, the newest first. */
export function ValuesTable({ label, series, lines, height }: Props) {
  const { exact } = FORMATS[series.unit];
  const steps = series.times.map((at, step) => ({ at, step })).reverse();
  return (
    <ScrollArea h={height} type="auto" viewportProps={{ tabIndex: 0, role: 'region', 'aria-label': label }}>
      <Table stickyHeader verticalSpacing={6} fz="xs" aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">Time</Table.Th>
            {lines.map((line) => (
              <Table.Th key={line.key} scope="col" ta="right" style={{ whiteSpace: 'nowrap' }}>
                {line.name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {steps.map(({ at, step }) => (
            <Table.Tr key={at}>
              <Table.Th scope="row" fw={400} style={{ whiteSpace: 'nowrap' }} title={whole(at, series.step)}>
                {series.step === 'hour' ? whole(at, 'hour') : tick(at, series.step)}
              </Table.Th>
              {lines.map((line) => (
                <Table.Td key={line.key} ta="right" className="number">
                  {line.points[step] == null ? '–' : exact(line.points[step] ?? 0)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  );
}
