import { Button, Menu } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { exportUrl } from './exporting';
import type { Asked } from './queries';

/** Every sum of what is shown, as a file. */
export function ExportMenu({ asked }: { asked: Asked }) {
  return (
    <Menu position="bottom-end" shadow="md">
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={16} aria-hidden />}>
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href={exportUrl(asked, 'csv')} download>
          CSV, for spreadsheets
        </Menu.Item>
        <Menu.Item component="a" href={exportUrl(asked, 'ndjson')} download>
          JSON, line by line
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
