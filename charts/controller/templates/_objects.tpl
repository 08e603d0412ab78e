{{- define "controller.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "controller.metadata" . | nindent 2 }}
{{- end }}

{{- /* Binds the ClusterRole that the controller's own chart defines under its name. */}}
{{- define "controller.clusterRoleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ include "controller.name" . }}
  labels:
    {{- include "controller.labels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ include "controller.name" . }}
subjects:
  - kind: ServiceAccount
    name: {{ include "controller.name" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}

{{- define "controller.leaseRole" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "controller.metadata" . | nindent 2 }}
rules:
  # Leader election: take, renew and give back the controller's own lease.
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    resourceNames: [{{ include "controller.name" . }}]
    verbs: [get, update]
  # Leader election: make the lease when it is not there. RBAC cannot restrict this by name.
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    verbs: [create]
{{- end }}

{{- define "controller.leaseRoleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "controller.metadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ include "controller.name" . }}
subjects:
  - kind: ServiceAccount
    name: {{ include "controller.name" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}

{{- define "controller.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "controller.metadata" . | nindent 2 }}
spec:
  # No virtual address: whoever reads metrics wants each pod's, not those of one of them.
  clusterIP: None
  # A controller that is not ready has the more interesting metrics.
  publishNotReadyAddresses: true
  selector:
    {{- include "controller.selectorLabels" . | nindent 4 }}
  ports:
    - name: metrics
      port: 8080
      targetPort: metrics
{{- end }}

{{- define "controller.podDisruptionBudget" -}}
{{- if and .Values.podDisruptionBudget.enabled (gt (int .Values.replicas) 1) -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "controller.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "controller.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end }}
