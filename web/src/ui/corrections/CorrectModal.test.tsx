import { cleanup, fireEvent, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hangUp, json, listen, show } from '@/ui/testing';
import { CorrectModal } from './CorrectModal';

const MADE = { adjustment: { difference_usd: '-0.25' } };
const DOWN = { error: { message: 'the database cannot be reached', code: null, param: null } };

afterEach(() => {
  cleanup();
  hangUp();
});

const word = (request: Request | undefined) => request?.headers.get('idempotency-key');
const press = () => fireEvent.click(screen.getByRole('button', { name: 'Book the correction' }));

function fill(cost: string) {
  fireEvent.change(screen.getByLabelText(/True cost/), { target: { value: cost } });
  fireEvent.change(screen.getByLabelText(/Reason/), { target: { value: 'The invoice says so' } });
}

describe('a correction', () => {
  let close = vi.fn<() => void>();
  beforeEach(() => {
    close = vi.fn<() => void>();
  });

  it('is one and the same when it is sent again after a failure', async () => {
    const answers = [json(DOWN, 503)];
    const heard = listen(() => answers.shift() ?? json(MADE, 201));
    show(<CorrectModal callId="c1" booked="0.50" corrected={false} close={close} />);
    fill('0.25');
    press();
    await screen.findByText(/cannot be reached/);
    press();
    await waitFor(() => expect(close).toHaveBeenCalledOnce());
    expect(heard).toHaveLength(2);
    expect(word(heard[0])).toMatch(/^[0-9a-f]{32}$/);
    expect(word(heard[1])).toBe(word(heard[0]));
    expect(await heard[1]?.json()).toEqual({
      call_id: 'c1',
      cost_usd: '0.25',
      reason: 'The invoice says so',
      again: false,
    });
  });

  it('is one and the same when the form is sent twice at once', async () => {
    const heard = listen(() => json(MADE, 201));
    show(<CorrectModal callId="c1" close={close} />);
    fill('1');
    const form = screen.getByLabelText(/Reason/).closest('form') as HTMLFormElement;
    fireEvent.submit(form);
    fireEvent.submit(form);
    await waitFor(() => expect(close).toHaveBeenCalled());
    expect(new Set(heard.map(word)).size).toBe(1);
  });

  it('is another one in a dialog that is opened anew', async () => {
    const heard = listen(() => json(MADE, 201));
    for (const call of ['c1', 'c1']) {
      const { unmount } = show(<CorrectModal callId={call} close={close} />);
      fill('1');
      press();
      await waitFor(() => expect(close).toHaveBeenCalled());
      close.mockClear();
      unmount();
    }
    expect(word(heard[0])).not.toBe(word(heard[1]));
  });

  it('of a call that was corrected before must be meant', async () => {
    const heard = listen(() => json(MADE, 201));
    show(<CorrectModal callId="c1" booked="0.50" corrected close={close} />);
    fill('0.25');
    press();
    await screen.findByText(/say that you mean it/);
    expect(heard).toHaveLength(0);
  });
});
