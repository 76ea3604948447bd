/** What a user says of the cluster that the demo is played on. */
export interface ClusterOptions {
  /** A context of the kubeconfig. */
  readonly context: string;
  /** Where images are pushed, [http://]HOST/PATH; undefined for the registry that the cluster itself names. */
  readonly registry: string | undefined;
  /** NAMESPACE/NAME of a Gateway; undefined for the only one that can be used. */
  readonly gateway: string | undefined;
  /** Where its traffic comes in, as seen from here; undefined for the address that it says itself. */
  readonly gatewayUrl: string | undefined;
  /** Envoy's admin interface or statistics, one address a gateway process. */
  readonly envoy: readonly string[];
}
