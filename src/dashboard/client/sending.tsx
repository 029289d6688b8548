/** What a person can tell an actor. */
import type { JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { ActorDetail } from '../wire.ts';
import { post } from './api.ts';
import { told } from './parts.tsx';

/** One button for each event its state handles, and one for any other. Those of the standard life have buttons of their own. */
export function SendForms({ actor }: { actor: ActorDetail }): JSX.Element | null {
  const events = actor.accepts.filter((type) => !type.startsWith('job.') && !type.includes('*'));
  const patterns = actor.accepts.filter((type) => type.includes('*'));
  const [open, setOpen] = useState<string | null>(null);
  if (events.length === 0 && patterns.length === 0) return null;
  return (
    <>
      {events.map((type) => (
        <button
          key={type}
          type="button"
          class="primary"
          aria-expanded={open === type}
          onClick={() => setOpen(open === type ? null : type)}
        >
          Send {type}
        </button>
      ))}
      {patterns.length > 0 ? (
        <button type="button" aria-expanded={open === ''} onClick={() => setOpen(open === '' ? null : '')}>
          Send {patterns.join(', ')}
        </button>
      ) : null}
      {open === null ? null : <SendForm key={open} id={actor.id} type={open} close={() => setOpen(null)} />}
    </>
  );
}

function SendForm({ id, type, close }: { id: string; type: string; close: () => void }): JSX.Element {
  const field = useId();
  const [name, setName] = useState(type);
  const [data, setData] = useState('{}');
  const [wrong, setWrong] = useState<string | null>(null);
  const send = async (): Promise<void> => {
    const fields = fieldsOf(data);
    if (!fields) return setWrong('Give a JSON object, such as {"by":"Ada"}.');
    if (await told(() => post(`/api/actors/${id}/send`, { event: { ...fields, type: name } }))) close();
  };
  return (
    <form
      class="inline-form"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {type === '' ? (
        <label>
          Event
          <input value={name} required spellcheck={false} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
      ) : null}
      <label for={field}>Fields of {name === '' ? 'the event' : name}, as JSON</label>
      <textarea
        id={field}
        rows={3}
        spellcheck={false}
        value={data}
        aria-invalid={wrong !== null}
        onInput={(event) => {
          setData(event.currentTarget.value);
          setWrong(null);
        }}
      />
      {wrong === null ? null : <p role="alert">{wrong}</p>}
      <div class="row">
        <button type="submit" class="primary">
          Send
        </button>
        <button type="button" onClick={close}>
          Not now
        </button>
      </div>
    </form>
  );
}

function fieldsOf(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text.trim() === '' ? '{}' : text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** Asks once: an end cannot be taken back. */
export function CancelForm({ id }: { id: string }): JSX.Element {
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  if (!open)
    return (
      <button type="button" class="danger" onClick={() => setOpen(true)}>
        Cancel …
      </button>
    );
  return (
    <form
      class="inline-form"
      onSubmit={(event) => {
        event.preventDefault();
        void told(() => post(`/api/actors/${id}/cancel`, { reason })).then((done) => done && setOpen(false));
      }}
    >
      <label>
        Reason, kept with the run
        <input value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      <div class="row">
        <button type="submit" class="danger">
          Cancel this run
        </button>
        <button type="button" onClick={() => setOpen(false)}>
          Keep it
        </button>
      </div>
    </form>
  );
}
