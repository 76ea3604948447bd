import { containersOf } from './relations.ts';
import { shown, type Violation, type WorkloadRule } from './rule.ts';

/** The parts of an image's reference: the tag is what follows a colon after the last slash. */
function parts(image: string): { readonly digest: boolean; readonly tag: string | null } {
  const [name = '', digest] = image.split('@');
  const tag = /:([^/:]*)$/.exec(name)?.[1] ?? null;
  return { digest: digest !== undefined && /^sha256:[0-9a-f]{64}$/.test(digest), tag };
}

export const imageDigest: WorkloadRule = {
  id: 'image-digest',
  severity: 'error',
  asks: 'Every image is named by its digest.',
  why: 'A tag can be moved: what was tested, signed and approved is then not what starts, two pods of one release may run different code, and going back may not bring back what was there. A digest names the same bytes for ever.',
  example:
    'image: registry.example/shop@sha256:0f3a1c5d7e9b2f4a6c8e0d1b3f5a7c9e2d4b6f8a0c1e3d5b7f9a2c4e6d8b0f1a\n',
  check: ({ workloads }) =>
    workloads.flatMap((workload) =>
      containersOf(workload).flatMap(({ container, path }): readonly Violation[] => {
        const { image = '' } = container;
        const { digest, tag } = parts(image);
        if (digest || isLatest(image)) return [];
        return [
          {
            object: workload,
            path: `${path}/image`,
            message:
              image === ''
                ? `container ${container.name} names no image`
                : `container ${container.name} takes ${shown(image)} by its tag, which can be moved to another image`,
            fix: `name it by its digest: ${shown(image.split('@')[0]?.replace(/:[^/:]*$/, '') ?? '')}@sha256:…${tag === null ? '' : ` of ${shown(tag)}`}`,
          },
        ];
      }),
    ),
};

function isLatest(image: string): boolean {
  const { digest, tag } = parts(image);
  return image !== '' && !digest && !image.includes('@') && (tag === null || tag === 'latest');
}

export const imageLatest: WorkloadRule = {
  id: 'image-latest',
  severity: 'error',
  asks: 'No image is `latest`, said or unsaid.',
  why: '`latest`, which is also meant where no tag stands, is whatever was pushed last: nobody can say what runs, a restarted pod may be another version than its neighbour, and there is nothing to go back to.',
  example: imageDigest.example,
  check: ({ workloads }) =>
    workloads.flatMap((workload) =>
      containersOf(workload)
        .filter(({ container }) => isLatest(container.image ?? ''))
        .map(({ container, path }) => ({
          object: workload,
          path: `${path}/image`,
          message: `container ${container.name} takes ${shown(container.image ?? '')}, which is whatever was pushed last`,
          fix: `name one version by its digest: ${shown((container.image ?? '').replace(/:latest$/, ''))}@sha256:…`,
        })),
    ),
};
