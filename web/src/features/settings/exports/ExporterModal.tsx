import { Select, SimpleGrid, Stack, Switch, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { api, take } from '@/api/client';
import { Modal } from '@/ui/dialogs';
import { FormButtons } from '@/ui/FormButtons';
import { fieldErrors } from '@/ui/formErrors';
import { done } from '@/ui/notices';
import { Failed } from '@/ui/states';
import { useChange } from '../customer';
import { bodyOf, type Exporter, type ExporterForm, formOf, problemsOf } from './exporter';
import { Headers } from './Headers';

const FIELDS = { name: 'name', url: 'url', headers: 'url', encoding: 'encoding', compression: 'compression' };
const ENCODINGS = [
  { value: 'protobuf', label: 'Protobuf' },
  { value: 'json', label: 'JSON' },
];
const COMPRESSIONS = [
  { value: 'gzip', label: 'gzip' },
  { value: 'none', label: 'None' },
];

function store(exporter: Exporter | null, form: ExporterForm) {
  if (exporter === null) return take(api.POST('/v1/customers/me/trace-exporters', { body: bodyOf(form) }));
  const path = { exporter_id: exporter.id };
  return take(
    api.PATCH('/v1/customers/me/trace-exporters/{exporter_id}', { params: { path }, body: bodyOf(form) }),
  );
}

export function ExporterModal({ exporter, close }: { exporter: Exporter | null; close: () => void }) {
  const save = useChange('exporters', (form: ExporterForm) => store(exporter, form));
  const form = useForm<ExporterForm>({
    initialValues: formOf(exporter),
    validate: (values) => problemsOf(values, exporter),
  });
  const general = save.error !== null && fieldErrors(save.error, FIELDS) === null;
  function submit(values: ExporterForm) {
    save.mutate(values, {
      onSuccess: () => {
        done(exporter === null ? 'Spans of calls that end from now on are sent' : 'The export is changed');
        close();
      },
      onError: (error) => form.setErrors(fieldErrors(error, FIELDS) ?? {}),
    });
  }
  return (
    <Modal
      opened
      onClose={close}
      title={exporter === null ? 'New trace export' : `Edit ${exporter.name}`}
      size="lg"
    >
      <form onSubmit={form.onSubmit(submit)} noValidate autoComplete="off">
        <Stack gap="md">
          <TextInput
            label="Name"
            placeholder="Our collector"
            maxLength={200}
            data-autofocus
            {...form.getInputProps('name')}
          />
          <TextInput
            label="Address"
            description="The whole one, https and public, usually ending with /v1/traces"
            placeholder="https://otlp.example.com/v1/traces"
            inputMode="url"
            {...form.getInputProps('url')}
          />
          <Headers form={form} stored={exporter?.header_names ?? []} isNew={exporter === null} />
          <SimpleGrid cols={2}>
            <Select
              label="Encoding"
              data={ENCODINGS}
              allowDeselect={false}
              {...form.getInputProps('encoding')}
            />
            <Select
              label="Compression"
              data={COMPRESSIONS}
              allowDeselect={false}
              {...form.getInputProps('compression')}
            />
          </SimpleGrid>
          <Switch
            label="Send prompts and answers along"
            description="Only should spans of calls ever hold them; today none does."
            {...form.getInputProps('content', { type: 'checkbox' })}
          />
          {general && <Failed error={save.error} what="Nothing was saved" />}
          <FormButtons
            close={close}
            verb={exporter === null ? 'Start sending' : 'Save'}
            busy={save.isPending}
          />
        </Stack>
      </form>
    </Modal>
  );
}
