import type { Move } from '../model/decision.ts';
import { shortDigest } from '../model/digest.ts';
import type { Entry, SlotEntry } from '../model/entries.ts';
import type { Observation } from '../model/observation.ts';
import { unreachable } from '../model/result.ts';
import type { Attachment } from '../model/release.ts';
import { formatDuration, formatInstant } from '../model/time-format.ts';
import { counted, formatCount } from './numbers.ts';
import { list, sentenceOf } from './sentences.ts';

const said = (note: string): string => (note === '' ? '' : `: “${note}”`);

/** A ledger entry as one plain clause: who did what, or what was seen or decided. No full stop. */
export function historySentence(entry: Entry): string {
  switch (entry.type) {
    case 'requested':
      return `${entry.by.id} asked to ${entry.mode === 'rollback' ? 'go back to' : 'promote'} ${entry.release} in stage ${entry.stage}${entry.liftQuarantine ? ', lifting its quarantine' : ''}${said(entry.note)}`;
    case 'approved':
      return `${entry.by.id} approved ${entry.promotion}, plan ${shortDigest(entry.plan)}${said(entry.note)}`;
    case 'rejected':
      return `${entry.by.id} ${entry.changesRequested ? 'asked for changes to' : 'rejected'} ${entry.promotion}${said(entry.note)}`;
    case 'paused':
      return `${entry.by.id} paused ${entry.promotion}${said(entry.note)}`;
    case 'resumed':
      return `${entry.by.id} resumed ${entry.promotion}${said(entry.note)}`;
    case 'abort-asked':
      return `${entry.by.id} aborted ${entry.promotion}${said(entry.note)}`;
    case 'waived':
      return `${entry.by.id} lets ${entry.promotion} leave ${entry.weight} % without an answer of gate ${entry.gate} until ${formatInstant(entry.until)}${said(entry.note)}, shown: ${sentenceOf(entry.said)}`;
    case 'observed':
      return observedSentence(entry.observation);
    case 'seen':
      return `seen unchanged until ${formatInstant(entry.until)}`;
    case 'sampled':
      return sampledSentence(entry);
    case 'history-read':
      return historyReadSentence(entry);
    case 'diagnostics-read':
      return entry.content === null
        ? `what ${entry.promotion} said could not be read: ${entry.message}`
        : `kept what ${entry.processes === 1 ? '1 process' : `${entry.processes} processes`} of ${entry.promotion} said, and ${counted(entry.events, 'event')}`;
    case 'look-failed':
      return `what runs cannot be looked at: ${entry.message}`;
    case 'scrape-failed':
      return `the source of metrics cannot be read for ${entry.promotion}: ${entry.message}`;
    case 'scrape-resumed':
      return `the source of metrics can be read again for ${entry.promotion}`;
    case 'effect-failed':
      return `${entry.effect} ${entry.outcome === 'unknown' ? 'got no answer' : 'failed'} (attempt ${entry.attempts}): ${entry.message}`;
    case 'decided':
      return decidedSentence(entry.decision.moves);
    case 'opened':
      return `${entry.by.id} opened the release for commit ${entry.commit.slice(0, 12)}${said(entry.summary)}`;
    case 'attached':
      return `${entry.by.id} attached ${attachmentSentence(entry.attachment)}`;
    case 'sealed':
      return `${entry.by.id} sealed the release: artifact ${shortDigest(entry.release.artifact.digest)}`;
    case 'stage-ended':
      return `stage ${entry.stage} ended ${entry.state}: ${sentenceOf(entry.reason)}`;
    case 'applied':
      return `${entry.by.id} applied ${entry.kind.toLowerCase()} ${entry.name}, digest ${shortDigest(entry.digest)}`;
    case 'frozen':
      return `${entry.by.id} froze ${entry.freeze.environment === null ? 'everything in its scope' : `environment ${entry.freeze.environment}`} (${entry.freeze.id})${entry.freeze.until === null ? '' : ` until ${formatInstant(entry.freeze.until)}`}${said(entry.freeze.reason)}`;
    case 'unfrozen':
      return `${entry.by.id} lifted freeze ${entry.id}${said(entry.note)}`;
    default:
      return unreachable(entry);
  }
}

function historyReadSentence({
  slices,
  ended,
  message,
}: Extract<SlotEntry, { type: 'history-read' }>): string {
  if (ended === null) return `stable’s history could not be read: ${message}`;
  const bad = slices.reduce((sum, slice) => sum + slice.bad, 0);
  const seconds = (slices.at(-1)?.to ?? 0) - (slices[0]?.from ?? 0);
  return `read what stable had counted in the ${formatDuration(1000 * seconds)} before: ${formatCount(bad)} failed requests`;
}

function observedSentence(observation: Observation): string {
  const weights = observation.weights.map((w) => `${w.release} ${w.weight} %`);
  const running = observation.workloads.map((w) => `${w.release} ${w.ready} of ${w.desired} ready`);
  const traffic = weights.length === 0 ? 'no traffic' : `traffic ${list(weights)} (${observation.level})`;
  return `seen: ${running.length === 0 ? 'nothing runs' : list(running)}; ${traffic}`;
}

function attachmentSentence(attachment: Attachment): string {
  switch (attachment.type) {
    case 'statement':
      return `statement ${attachment.name}`;
    case 'tests':
      return `test report ${attachment.name}: ${formatCount(attachment.counts.failed)} of ${formatCount(attachment.counts.total)} failed, ${formatCount(attachment.counts.skipped)} skipped`;
    default:
      return unreachable(attachment);
  }
}

function decidedSentence(moves: readonly Move[]): string {
  const told = moves.map(moveSentence);
  return told.length === 0 ? 'asked for an effect again' : told.join('; ');
}

/** What one move of a decision did. */
export function moveSentence(move: Move): string {
  switch (move.type) {
    case 'planned':
      return `${move.promotion} has plan ${shortDigest(move.plan)}`;
    case 'judged':
      return `gate ${move.gate} says ${move.verdict}: ${sentenceOf(move.reason)}`;
    case 'started':
      return `${move.promotion} started`;
    case 'shifting':
      return `${move.promotion} goes to ${move.weight} %`;
    case 'reached':
      return `${move.promotion} is at ${move.weight} %, read back`;
    case 'observing':
      return `${move.promotion} has all traffic and is observed`;
    case 'asked':
      return `${move.promotion} asks a person: ${sentenceOf(move.reason)}`;
    case 'turned-back':
      return `${move.promotion} turned back: ${sentenceOf(move.reason)}`;
    case 'at-zero':
      return `${move.promotion} is at 0 %, read back`;
    case 'quarantined':
      return `artifact ${shortDigest(move.artifact)} is quarantined: ${sentenceOf(move.reason)}`;
    case 'ended':
      return `${move.promotion} ended ${move.state}: ${sentenceOf(move.reason)}`;
    case 'waiting':
      return move.codes.length === 0
        ? `${move.promotion} waits for nothing`
        : `${move.promotion} waits for ${list(move.codes)}`;
    case 'retired':
      return `${move.release} was taken down`;
    default:
      return unreachable(move);
  }
}

function sampledSentence({ count, analysis }: Extract<SlotEntry, { type: 'sampled' }>): string {
  const taken = `${formatCount(count)} metric samples taken in`;
  // Every gate and series counts the same requests; one stands for all.
  const [gate] = Object.values(analysis.gates);
  const [series] = Object.values(gate?.rollout.series ?? {});
  if (series === undefined) return taken;
  const { canary, stable } = series.total;
  return `${taken}: canary ${formatCount(canary.requests)}, stable ${formatCount(stable.requests)} requests so far`;
}
