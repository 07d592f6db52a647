import { z } from 'zod'
import { type KubernetesObject, Selector, type Workload, containersOf, ofKind, selects, workloads } from './objects.ts'

const Rolling = z.looseObject({
  strategy: z.looseObject({ rollingUpdate: z.looseObject({ maxUnavailable: z.number() }).optional() }).optional(),
})
const Budget = z.looseObject({ maxUnavailable: z.number(), selector: Selector.prefault({}) })
const Service = z.looseObject({
  selector: z.record(z.string(), z.string()),
  ports: z.array(z.looseObject({ targetPort: z.string() })),
})
const Scaled = z.looseObject({ scaleTargetRef: z.looseObject({ name: z.string() }) })

const isReplicated = ({ kind, replicas }: Workload) => kind === 'Deployment' && replicas !== 1

/** Whatever runs more than once survives a rollout and a drained node. */
export function rolloutProblems(objects: readonly KubernetesObject[]): readonly string[] {
  const budgets = ofKind(objects, 'PodDisruptionBudget').map(({ spec }) => Budget.parse(spec))
  return workloads(objects)
    .filter(isReplicated)
    .flatMap(({ name, template }) => {
      const { labels } = template.metadata
      const { topologySpreadConstraints: spread } = template.spec
      const deployment = ofKind(objects, 'Deployment').find(({ metadata }) => metadata.name === name)
      return [
        ...(budgets.some(({ maxUnavailable, selector }) => maxUnavailable === 1 && selects(selector, labels))
          ? []
          : [`${name}: no budget`]),
        ...(spread.length > 0 && spread.every(({ labelSelector }) => selects(labelSelector, labels))
          ? []
          : [`${name}: not spread`]),
        ...(Rolling.parse(deployment?.spec).strategy?.rollingUpdate?.maxUnavailable === 0
          ? []
          : [`${name}: a rollout takes pods away`]),
      ]
    })
}

/** Every Service finds pods, and a port of theirs. */
export function serviceProblems(objects: readonly KubernetesObject[]): readonly string[] {
  return ofKind(objects, 'Service').flatMap(({ metadata: { name }, spec }) => {
    const { selector, ports } = Service.parse(spec)
    const meant = Selector.parse({ matchLabels: selector })
    const pods = workloads(objects).filter(({ template }) => selects(meant, template.metadata.labels))
    const known = new Set(
      pods.flatMap(({ template }) =>
        containersOf(template).flatMap((container) => container.ports.map((port) => port.name)),
      ),
    )
    return ports.filter(({ targetPort }) => !known.has(targetPort)).map(({ targetPort }) => `${name}: ${targetPort}`)
  })
}

/** At most one scaler decides, and then the manifest does not. */
export function scalingProblems(objects: readonly KubernetesObject[]): readonly string[] {
  const targets = ofKind(objects, 'ScaledObject', 'HorizontalPodAutoscaler').map(
    ({ spec }) => Scaled.parse(spec).scaleTargetRef.name,
  )
  return [...new Set(targets)].flatMap((target) => {
    const pods = workloads(objects).find(({ name }) => name === target)
    return [
      ...(targets.filter((each) => each === target).length > 1 ? [`${target}: two scalers`] : []),
      ...(pods === undefined ? [`${target}: is not there`] : []),
      ...(pods?.replicas === undefined ? [] : [`${target}: the manifest decides as well`]),
    ]
  })
}

/** Images without a version, or with the one that changes. */
export function unpinnedImages(objects: readonly KubernetesObject[]): readonly string[] {
  return imagesOf(objects).filter((image) => !/:[^:/]*\d[^:/]*$/.test(image))
}

export function imagesOf(objects: readonly KubernetesObject[]): readonly string[] {
  return [...new Set(workloads(objects).flatMap(({ template }) => containersOf(template).map(({ image }) => image)))]
}
