{{- define "controller.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "controller.metadata" . | nindent 2 }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels:
      {{- include "controller.selectorLabels" . | nindent 6 }}
  {{- include "controller.strategy" . | nindent 2 }}
  template:
    metadata:
      labels:
        {{- include "controller.labels" . | nindent 8 }}
        {{- with .Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "controller.podSpec" . | nindent 6 }}
{{- end }}

{{- /*
With a lease, old and new may overlap: only the holder of the lease works. Without one they
may not, or two processes would write at once. What has no such value writes nothing.
*/}}
{{- define "controller.strategy" -}}
strategy:
  {{- if or .Values.leaderElection (not (hasKey .Values "leaderElection")) }}
  type: RollingUpdate
  {{- else }}
  type: Recreate
  {{- end }}
{{- end }}

{{- define "controller.podSpec" -}}
serviceAccountName: {{ include "controller.name" . }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
# A controller stops within 5 seconds of SIGTERM.
terminationGracePeriodSeconds: 10
containers:
  - {{ include "controller.container" . | nindent 4 | trim }}
  {{- with include "controller.moreContainers" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
{{- with include "controller.volumes" . | trim }}
volumes:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- /* An image as values have it. A tag may be given to another image later, a digest may not. */}}
{{- define "controller.image" -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag }}
{{- end -}}
{{- end }}

{{- /* The controller's own flags come from the template <chart>.args of its own chart. */}}
{{- define "controller.container" -}}
name: {{ .container | default "controller" }}
image: {{ include "controller.image" .Values.image | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  {{- with include "controller.subcommand" . }}
  - {{ . }}
  {{- end }}
  - --log-format={{ .Values.log.format }}
  {{- with .Values.log.filter }}
  - --log-filter={{ . }}
  {{- end }}
  {{- with .Values.otlp.endpoint }}
  - --otlp-endpoint={{ . }}
  {{- end }}
  {{- if hasKey .Values "leaderElection" }}
  - --leader-election={{ .Values.leaderElection }}
  {{- end }}
  - --concurrency={{ .Values.concurrency }}
  {{- with include (printf "%s.args" .Chart.Name) . }}
  {{- . | nindent 2 }}
  {{- end }}
env:
  # The lease stands in the namespace of the release and names its holder.
  - name: POD_NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  - name: POD_NAMESPACE
    valueFrom:
      fieldRef:
        fieldPath: metadata.namespace
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - name: metrics
    containerPort: 8080
  {{- with include "controller.ports" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
livenessProbe:
  httpGet:
    path: /live
    port: metrics
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet:
    path: /ready
    port: metrics
  periodSeconds: 2
  timeoutSeconds: 5
resources:
  {{- toYaml .Values.resources | nindent 2 }}
{{- with include "controller.volumeMounts" . | trim }}
volumeMounts:
  {{- . | nindent 2 }}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- /*
A controller that mounts something, listens to more, or has somebody beside it, defines these in its own chart: of two
templates of one name Helm takes that of the chart which is nearer to the top.
*/}}
{{- define "controller.ports" -}}{{- end }}

{{- define "controller.moreContainers" -}}{{- end }}

{{- define "controller.volumes" -}}{{- end }}

{{- define "controller.volumeMounts" -}}{{- end }}
