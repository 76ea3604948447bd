{{/* What the pods are selected by: the release's name keeps two servers of one namespace apart. */}}
{{- define "belay.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}

{{- define "belay.about" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "belay.labels" -}}
{{ include "belay.selector" . }}
{{ include "belay.about" . }}
{{- end }}

{{/* Where the last checkpoint is kept. */}}
{{- define "belay.checkpoint" -}}
{{ .Release.Name }}-last-checkpoint
{{- end }}

{{- define "belay.image" -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- end }}

{{- define "belay.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
# Mounted Secrets are root's; the server reads them as a member of this group.
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "belay.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Where pods may run, and with what their image is pulled. */}}
{{- define "belay.placement" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.pods.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pods.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
