import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { queryClient } from '@/api/queries';
import { Hints } from '@/ui/Hints';
import { nonce } from './nonce';
import { router } from './router';
import { theme, variables } from './theme';

const colourScheme = localStorageColorSchemeManager({ key: 'tollhouse-colour-scheme' });

export function App() {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={variables}
      defaultColorScheme="auto"
      colorSchemeManager={colourScheme}
      getStyleNonce={nonce}
    >
      <QueryClientProvider client={queryClient}>
        <Notifications position="bottom-right" limit={4} />
        <RouterProvider router={router} />
        <Hints />
      </QueryClientProvider>
    </MantineProvider>
  );
}
