import { Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { modelsQuery } from '@/api/models';
import { Money } from '@/ui/Money';
import { count } from '@/ui/numbers';
import { billOf, type Receipt } from './bill';

/** Tokens by class, what a million of each costs, and what that comes to. */
export function BillTable({ receipt }: { receipt: Receipt }) {
  const models = useQuery(modelsQuery);
  const model = models.data?.find((each) => each.id === `${receipt.provider}/${receipt.model}`);
  const bill = billOf(receipt, model);
  return (
    <>
      <Table verticalSpacing={6} horizontalSpacing={0} fz="sm" withRowBorders={false}>
        <Table.Thead c="dimmed" fz="xs">
          <Table.Tr>
            <Table.Th fw={500}>Tokens</Table.Th>
            <Table.Th fw={500} ta="end">
              Count
            </Table.Th>
            <Table.Th fw={500} ta="end">
              Per million
            </Table.Th>
            <Table.Th fw={500} ta="end">
              Cost
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {bill.lines.map((line) => (
            <Table.Tr key={line.name}>
              <Table.Td>{line.name}</Table.Td>
              <Table.Td ta="end" className="number">
                {count(line.tokens)}
              </Table.Td>
              <Table.Td ta="end">
                <Money usd={line.rate} />
              </Table.Td>
              <Table.Td ta="end">
                <Money usd={line.cost} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Text size="xs" c="dimmed" mt={6}>
        {noteOf(receipt, bill.adds, bill.above, model !== undefined && model.pricing !== null)}
      </Text>
    </>
  );
}

function noteOf(receipt: Receipt, adds: boolean, above: number | null, priced: boolean): string {
  if (!priced) return 'The model has no price now.';
  const tier = above === null ? '' : ` Rates for input above ${count(above)} tokens.`;
  if (adds) return `Adds up to what was charged, rounded up once to the nano-dollar.${tier}`;
  if (receipt.entry.kind === 'exact')
    return receipt.cost_nanos === 0
      ? 'Prices of today. Nothing was charged for this call.'
      : `Prices of today; the call was charged by those of its own day.${tier}`;
  return `Prices of today; the charge is not a sum of them.${tier}`;
}
