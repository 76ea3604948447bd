import type { GateDescription, PipelineDescription, StageDescription } from './describe.ts';

/** A description as one page of Markdown. */
export function describePage(description: PipelineDescription): string {
  const { service, project, pipeline, summary, trust, stages } = description;
  return [
    `# How ${service} gets to its users`,
    '',
    `${summary} This page is made from pipeline \`${pipeline}\` of project \`${project}\`; it is what is enforced, not what was once agreed.`,
    '',
    '## Whose word counts',
    '',
    ...(trust.length === 0
      ? ['Nobody’s signature counts in this project.']
      : trust.map((line) => `- ${text(line)}`)),
    '',
    ...stages.flatMap(stageLines),
    '## What you will want to type',
    '',
    '| You ask | Type |',
    '|---|---|',
    `| Why does it not move? | \`belay why ${service}\` |`,
    '| Where is my change? | `belay where COMMIT` |',
    `| What happened? | \`belay history ${service}\` |`,
    `| Take it back | \`belay rollback ${service}\` |`,
    '',
  ].join('\n');
}

function stageLines(stage: StageDescription): readonly string[] {
  const part = (name: GateDescription['part']): readonly GateDescription[] =>
    stage.gates.filter((gate) => gate.part === name);
  return [
    `## Stage ${stage.name}: into ${stage.environment}${stage.production ? ' (production)' : ''}`,
    '',
    stage.entry,
    '',
    ...gateTable('Before any traffic', 'Nothing is asked before traffic shifts.', part('gates')),
    `**The rollout.** ${stage.rollout} (\`${stage.rolloutEnforcedBy}\`)`,
    '',
    ...gateTable('While traffic shifts', 'Nothing is compared while traffic shifts.', part('analysis')),
    ...gateTable(
      'Before it counts as promoted',
      'It counts as soon as all traffic is read back.',
      part('verification'),
    ),
    `**The way back.** ${stage.wayBack}`,
    '',
  ];
}

function gateTable(title: string, none: string, gates: readonly GateDescription[]): readonly string[] {
  if (gates.length === 0) return [`**${title}.** ${none}`, ''];
  return [
    `**${title}**`,
    '',
    '| Gate | Passes when | Why it is here | Counts for | Enforced by |',
    '|---|---|---|---|---|',
    ...gates.map(
      (gate) =>
        `| ${gate.name}${gate.mode === 'observe' ? ' (observes only)' : ''} | ${text(gate.contract)} | ${text(gate.why)} | ${gate.boundTo} | \`${gate.enforcedBy}\` |`,
    ),
    '',
  ];
}

/** Words of people, so that they stay words in a table of Markdown. */
const text = (words: string): string => words.replace(/[\\`*_[\]<>|]/g, '\\$&').replace(/\s+/g, ' ');
