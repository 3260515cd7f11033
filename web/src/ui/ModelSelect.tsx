import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo } from 'react';
import { type Model, modelsQuery } from '@/api/models';
import { told } from '@/api/problem';
import { short, usd } from './numbers';
import { type Choice, SearchableMultiSelect } from './SearchableMultiSelect';

type Props = {
  label: string;
  value: readonly string[];
  onChange: (value: string[]) => void;
  description?: ReactNode;
  error?: ReactNode;
  placeholder?: string;
  disabled?: boolean;
};

/** Models, wherever some are chosen: with prices and context windows, and patterns such as `openai/*`. */
export function ModelSelect({ placeholder = 'All models', error, ...props }: Props) {
  const models = useQuery(modelsQuery);
  const choices = useMemo(() => (models.data ?? []).map(choiceOf), [models.data]);
  return (
    <SearchableMultiSelect
      {...props}
      error={error ?? (models.isError ? told(models.error) : undefined)}
      placeholder={placeholder}
      choices={choices}
      loading={models.isPending}
      things="models"
      legend="Price per million tokens in / out · context"
      free
    />
  );
}

export function choiceOf(model: Model): Choice {
  const { pricing, context_window: window } = model;
  const price =
    pricing === null
      ? 'no price'
      : `${usd(pricing.input_usd_per_million)} / ${usd(pricing.output_usd_per_million)}`;
  return {
    value: model.id,
    label: model.id.slice(model.provider.length + 1),
    group: model.provider,
    words: model.name,
    notes: [price, window === null ? '–' : short(window)],
  };
}
