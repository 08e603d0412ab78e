{{- /*
The scheduler of pods that ask for it by name, in mode extender: a stock kube-scheduler, and beside it in the same pod the
extender that it asks, so that nobody else can.
*/}}
{{- define "podset-planner.scheduler" -}}
{{- $config := include "podset-planner.schedulerConfig" .root }}
{{- $annotations := merge (dict "checksum/config" (sha256sum $config)) .root.Values.podAnnotations }}
{{- $values := dict "replicas" .root.Values.scheduler.replicas "resources" .root.Values.extender.resources "podAnnotations" $annotations }}
{{- $component := dict "component" "podset-planner-scheduler" "container" "extender" "values" $values }}
{{- include "podset-planner.component" (set (set $component "root" .root) "template" .template) }}
{{- end }}

{{- /* Where the extender listens: to its own pod alone. */}}
{{- define "podset-planner.extender" -}}127.0.0.1:7310{{- end }}

{{- define "podset-planner.schedulerConfig" -}}
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection:
  leaderElect: true
  # The lease `kube-scheduler` is that of the cluster's own.
  resourceName: podset-planner-scheduler
  resourceNamespace: {{ .Release.Namespace }}
# Of some of the nodes, the one that is planned might be none.
percentageOfNodesToScore: 100
# A pod that is held is tried in vain. It must not wait for long when it is released.
podInitialBackoffSeconds: 1
podMaxBackoffSeconds: 1
profiles:
  - schedulerName: podset-planner-scheduler
extenders:
  - urlPrefix: http://{{ include "podset-planner.extender" . }}
    filterVerb: filter
    # Without it, others would be evicted where the pod is not allowed, and for pods that are held.
    preemptVerb: preempt
    # Names of nodes are enough.
    nodeCacheCapable: true
    # Without an answer nobody is bound.
    ignorable: false
    httpTimeout: 2s
{{- end }}

{{- define "controller.moreContainers" -}}
{{- if eq (.component | default "") "podset-planner-scheduler" }}
{{- $version := regexFind "[0-9]+[.][0-9]+[.][0-9]+" .Capabilities.KubeVersion.Version }}
{{- $image := merge (dict "tag" (.Values.scheduler.image.tag | default (printf "v%s" $version))) .Values.scheduler.image }}
- name: scheduler
  image: {{ include "controller.image" $image | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command:
    - /usr/local/bin/kube-scheduler
    - --config=/etc/podset-planner-scheduler/config.yaml
    # Who reads its metrics shows a token. Other ways in would have to be looked up in kube-system.
    - --authentication-skip-lookup=true
  ports:
    - name: scheduler
      containerPort: 10259
  livenessProbe:
    httpGet:
      path: /healthz
      port: scheduler
      scheme: HTTPS
    periodSeconds: 10
    timeoutSeconds: 5
  readinessProbe:
    httpGet:
      path: /healthz
      port: scheduler
      scheme: HTTPS
    periodSeconds: 2
    timeoutSeconds: 5
  resources:
    {{- toYaml .Values.scheduler.resources | nindent 4 }}
  volumeMounts:
    - name: config
      mountPath: /etc/podset-planner-scheduler
      readOnly: true
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
{{- end }}
{{- end }}

{{- define "controller.volumes" -}}
{{- if eq (.component | default "") "podset-planner-scheduler" }}
- name: config
  configMap:
    name: podset-planner-scheduler
{{- end }}
{{- end }}
