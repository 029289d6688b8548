import type { JSX } from 'preact';
import type { ActorPage } from '../../wire.ts';
import { post } from '../api.ts';
import { useAnswer } from '../live.ts';
import { Act, ActorLink, Empty, Heading, Loading, Problem, States, Table, Time } from '../parts.tsx';
import { session } from '../session.ts';

export function QuarantinePage(): JSX.Element {
  const { value, error } = useAnswer<ActorPage>('/api/actors?status=quarantined');
  const head = ['Actor', 'State', 'Reason', 'Made', ...(session.readOnly ? [] : ['Actions'])];
  return (
    <>
      <Heading title="Quarantine" />
      <p class="note">
        A machine that throws is set aside with all its mail, so that the others go on. Mend it, then release.
      </p>
      {error === null ? null : <Problem>{error}</Problem>}
      {value ? null : <Loading />}
      {value?.items.length === 0 ? <Empty>No actor is quarantined.</Empty> : null}
      {value && value.items.length > 0 ? (
        <Table label="Quarantined actors" head={head}>
          {value.items.map((row) => (
            <tr key={row.id}>
              <td>
                <ActorLink id={row.id} name={row.name} />
                <div class="id small">{row.id}</div>
              </td>
              <td>
                <States states={row.states} />
              </td>
              <td class="why">{row.why}</td>
              <td>
                <Time at={row.createdAt} />
              </td>
              {session.readOnly ? null : (
                <td>
                  <Act label={`Release ${row.id}`} work={() => post(`/api/actors/${row.id}/release`)}>
                    Release
                  </Act>
                </td>
              )}
            </tr>
          ))}
        </Table>
      ) : null}
    </>
  );
}
