import { Button, Menu } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import type { Period } from '@/ui/timeRange';
import { exportAddress, type Filters } from './filters';

/** All spans that match, as a file. */
export function ExportMenu({ filters, period }: { filters: Filters; period: Period }) {
  return (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={16} aria-hidden />}>
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Spans that match, at most 100,000</Menu.Label>
        <Menu.Item component="a" href={exportAddress(filters, period, 'csv')} download>
          CSV
        </Menu.Item>
        <Menu.Item component="a" href={exportAddress(filters, period, 'ndjson')} download>
          JSON, line by line
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
