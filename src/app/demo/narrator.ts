import { styleText } from 'node:util';

/** Where the demo tells its story: lines for people, or one JSON object a line for machines. */
export interface Narrator {
  /** A thing that is up or done. */
  done(text: string): void;
  /** Something begins. */
  begin(text: string): void;
  /** A line below the last one. */
  note(text: string): void;
  /** Something was refused or taken back. */
  turned(text: string): void;
}

type Kind = keyof Narrator;

const glyphs: Readonly<Record<Kind, string>> = { done: '✔', begin: '▶', note: ' ', turned: '✖' };
const colours: Readonly<Record<Kind, 'green' | 'cyan' | 'dim' | 'yellow'>> = {
  done: 'green',
  begin: 'cyan',
  note: 'dim',
  turned: 'yellow',
};

/** Tells the story as it happens, each line with the time since the start. */
export function narrate(asJson: boolean, write: (line: string) => void): Narrator {
  const began = performance.now();
  const say =
    (kind: Kind) =>
    (text: string): void => {
      const seconds = (performance.now() - began) / 1000;
      if (asJson) {
        write(JSON.stringify({ seconds: Math.round(seconds * 10) / 10, kind, text }));
        return;
      }
      const clock = `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
      write(`${styleText('dim', clock.padStart(5))} ${styleText(colours[kind], glyphs[kind])} ${text}`);
    };
  return { done: say('done'), begin: say('begin'), note: say('note'), turned: say('turned') };
}
