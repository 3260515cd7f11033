import { Confirm } from '@/ui/Confirm';
import { useDeleteKey } from './changes';
import type { Key } from './form';

type Props = { of: Key; opened: boolean; close: () => void; gone: () => void };

export function DeleteKey({ of: key, opened, close, gone }: Props) {
  const remove = useDeleteKey();
  return (
    <Confirm
      opened={opened}
      close={close}
      title={`Delete “${key.name}”?`}
      verb="Delete key"
      busy={remove.isPending}
      error={remove.error}
      act={() => remove.mutate(key, { onSuccess: gone })}
    >
      Calls with this key are refused within a second, and nobody can bring it back. What it spent stays in
      the book and in the reports. To stop it for a while, disable it instead.
    </Confirm>
  );
}
