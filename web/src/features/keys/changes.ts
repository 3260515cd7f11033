/** What is done to keys: seen at once, taken back if the server refuses. */

import { type InfiniteData, type QueryClient, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, take } from '@/api/client';
import { seesAll, useMe } from '@/api/me';
import { done, failed } from '@/ui/notices';
import { type Key, type KeyPatch, patched } from './form';
import type { Details, KeyPage } from './queries';

type Edit = (key: Key) => Key;

/** The same change in every list and page that shows one of the keys. */
export function rewrite(client: QueryClient, hashes: ReadonlySet<string>, edit: Edit): void {
  const each = (key: Key) => (hashes.has(key.hash) ? edit(key) : key);
  client.setQueriesData<InfiniteData<KeyPage>>(
    { queryKey: ['keys', 'list'] },
    (data) => data && { ...data, pages: data.pages.map((page) => ({ ...page, keys: page.keys.map(each) })) },
  );
  client.setQueryData<Key[]>(['keys', 'own'], (data) => data?.map(each));
  for (const hash of hashes) {
    client.setQueryData<Details>(
      ['keys', 'details', hash],
      (data) => data && { ...data, key: each(data.key) },
    );
  }
}

function useAgain(): () => Promise<void> {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: ['keys'] });
}

export function useChangeKey() {
  const client = useQueryClient();
  const again = useAgain();
  return useMutation({
    mutationFn: ({ key, patch }: { key: Key; patch: KeyPatch }) =>
      take(api.PATCH('/v1/ai/keys/{key_hash}', { params: { path: { key_hash: key.hash } }, body: patch })),
    onMutate: async ({ key, patch }) => {
      await client.cancelQueries({ queryKey: ['keys'] });
      rewrite(client, new Set([key.hash]), (each) => patched(each, patch));
    },
    onError: (_error, { key }) => rewrite(client, new Set([key.hash]), () => key),
    onSuccess: ({ key }) => rewrite(client, new Set([key.hash]), () => key),
    onSettled: async () => {
      await again();
      await client.invalidateQueries({ queryKey: ['limits'] });
    },
  });
}

/** Off or on, with a way back. Many at once for those who may; a member has one at a time. */
export function useSwitch(): (keys: readonly Key[], disabled: boolean) => void {
  const client = useQueryClient();
  const again = useAgain();
  const many = seesAll(useMe());

  async function send(hashes: string[], disabled: boolean): Promise<string[]> {
    if (many) return (await take(api.POST('/v1/ai/keys/switch', { body: { hashes, disabled } }))).changed;
    for (const hash of hashes) {
      const params = { path: { key_hash: hash } };
      await take(api.PATCH('/v1/ai/keys/{key_hash}', { params, body: { disabled } }));
    }
    return hashes;
  }
  async function turn(hashes: string[], disabled: boolean, say: (changed: string[]) => void) {
    await client.cancelQueries({ queryKey: ['keys'] });
    rewrite(client, new Set(hashes), (key) => patched(key, { disabled }));
    try {
      say(await send(hashes, disabled));
    } catch (error) {
      failed(error, disabled ? 'Nothing was disabled' : 'Nothing was enabled');
    }
    await again();
  }
  return (keys, disabled) => {
    const hashes = keys.filter((key) => key.disabled !== disabled).map((key) => key.hash);
    const what = hashes.length === 1 ? 'The key is' : `${hashes.length} keys are`;
    if (hashes.length === 0) {
      done(disabled ? 'All of them were disabled before' : 'All of them were enabled before');
      return;
    }
    void turn(hashes, disabled, (changed) =>
      done(`${what} ${disabled ? 'disabled' : 'enabled'}`, () => void turn(changed, !disabled, () => {})),
    );
  };
}

function remove(key: Key, any: boolean) {
  const { hash, team_id: team } = key;
  if (any) return take(api.DELETE('/v1/ai/keys/{key_hash}', { params: { path: { key_hash: hash } } }));
  if (team === null)
    return take(api.DELETE('/v1/ai/keys/user/{key_hash}', { params: { path: { key_hash: hash } } }));
  const params = { path: { team_id: team, key_hash: hash } };
  return take(api.DELETE('/v1/ai/keys/team/{team_id}/{key_hash}', { params }));
}

export function useDeleteKey() {
  const client = useQueryClient();
  const any = seesAll(useMe());
  return useMutation({
    mutationFn: (key: Key) => remove(key, any),
    onSuccess: async (_answer, key) => {
      client.removeQueries({ queryKey: ['keys', 'details', key.hash] });
      done('The key is deleted');
      await client.invalidateQueries({ queryKey: ['keys'] });
    },
  });
}
