import { hash } from 'node:crypto';
import { packPaths } from '../core/evidence/layout.ts';
import { decodeUtf8 } from '../core/ledger/encoding.ts';
import { canonicalJson } from '../core/model/canonical.ts';
import { EvidenceManifest } from '../core/model/evidence.ts';
import type { PackFiles } from './read-pack.ts';
import type { Findings } from './report.ts';

/** Reads strict canonical JSON: null for anything else, so that no two texts stand for one value. */
export function parseCanonical(text: string): { readonly value: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return canonicalJson(value) === text ? { value } : null;
  } catch {
    return null;
  }
}

/** The text of a file, or null with a finding where it is missing or not UTF-8. */
export function textOf(
  files: PackFiles,
  path: string,
  check: Parameters<Findings['fail']>[0],
  findings: Findings,
): string | null {
  const bytes = files.get(path);
  if (bytes === undefined) {
    findings.fail(check, path, 'is missing');
    return null;
  }
  const text = decodeText(bytes);
  if (text === null) findings.fail(check, path, 'is not UTF-8');
  return text;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Strict UTF-8; the core's own decoder for short texts, Node's where it must be fast. */
export function decodeText(bytes: Uint8Array): string | null {
  if (bytes.length < 64) return decodeUtf8(bytes);
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/** Reads the manifest; null where there is none to go by. */
export function readManifest(files: PackFiles, findings: Findings): EvidenceManifest | null {
  const text = textOf(files, packPaths.manifest, 'manifest', findings);
  if (text === null) return null;
  const parsed = parseCanonical(text);
  const manifest = parsed === null ? null : EvidenceManifest.safeParse(parsed.value);
  if (manifest?.success === true) return manifest.data;
  const issue = manifest?.error.issues[0];
  const why = issue === undefined ? 'it is not canonical JSON' : `${issue.path.join('.')}: ${issue.message}`;
  findings.fail('manifest', packPaths.manifest, `is not a manifest of evidence: ${why}`);
  return null;
}

/** Every file that the manifest names is there with those bytes, and no other. */
export function checkFiles(files: PackFiles, manifest: EvidenceManifest, findings: Findings): void {
  const named = new Set<string>([packPaths.manifest, packPaths.manifestNote]);
  for (const { path, bytes, digest } of manifest.files) {
    if (named.has(path)) findings.fail('files', path, 'is named twice');
    named.add(path);
    const found = files.get(path);
    if (found === undefined) findings.fail('files', path, 'is missing');
    else if (found.length !== bytes || `sha256:${hash('sha256', found, 'hex')}` !== digest)
      findings.fail('files', path, 'has other bytes than the manifest says');
  }
  for (const path of files.keys())
    if (!named.has(path)) findings.fail('files', path, 'is not named in the manifest');
  findings.done('files', `${manifest.files.length} files have the bytes that the manifest says`);
}
