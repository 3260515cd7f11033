import type { Column } from '@/ui/DataTable';
import type { Breadth } from '@/ui/useBreadth';
import { When } from '@/ui/When';
import { Cost, Duration, InAndOut, Models, Name, Whose } from './cells';
import type { Trace } from './live';

/** `scale`: the duration that fills a bar. On narrow screens the time stands under the name. */
export function columnsOf(breadth: Breadth, scale: number): Column<Trace>[] {
  const narrow = breadth === 'narrow';
  const name: Column<Trace> = {
    id: 'name',
    head: 'Trace',
    width: narrow ? 'minmax(0, 1fr)' : 'minmax(170px, 2.6fr)',
    cell: (trace) => <Name trace={trace} narrow={narrow} />,
  };
  const took: Column<Trace> = {
    id: 'duration',
    head: 'Duration',
    width: narrow ? '72px' : 'minmax(80px, 0.7fr)',
    cell: (trace) => <Duration ms={trace.duration_ms} scale={scale} />,
  };
  const cost: Column<Trace> = {
    id: 'cost',
    head: 'Cost',
    width: narrow ? '92px' : '100px',
    align: 'end',
    cell: (trace) => <Cost trace={trace} />,
  };
  if (narrow) return [name, took, cost];
  const started: Column<Trace> = {
    id: 'started',
    head: 'Started',
    width: 'minmax(104px, 0.7fr)',
    cell: (trace) => <When at={trace.started_at} />,
  };
  const models: Column<Trace> = {
    id: 'models',
    head: 'Models',
    width: 'minmax(130px, 1.2fr)',
    cell: (trace) => <Models models={trace.models} />,
  };
  const tokens: Column<Trace> = {
    id: 'tokens',
    head: 'Tokens in / out',
    width: '108px',
    align: 'end',
    cell: (trace) => <InAndOut trace={trace} />,
  };
  const whose: Column<Trace> = {
    id: 'whose',
    head: 'User, key',
    width: 'minmax(132px, 1.1fr)',
    cell: (trace) => <Whose trace={trace} />,
  };
  return breadth === 'wide'
    ? [name, started, took, models, tokens, cost, whose]
    : [name, started, took, models, cost];
}
