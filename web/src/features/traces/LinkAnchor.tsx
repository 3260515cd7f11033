import { Anchor, type AnchorProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { Ref } from 'react';

type Props = Omit<AnchorProps, 'href'> & { ref?: Ref<HTMLAnchorElement> };

/** Mantine's anchor, to an address of ours. */
export const LinkAnchor = createLink((props: Props) => <Anchor {...props} />);
