{{- define "score-runtime-kubernetes.args" -}}
- --runtime-class={{ .Values.runtime.class }}
- --cluster-domain={{ .Values.runtime.clusterDomain }}
- --pod-security={{ .Values.runtime.podSecurity }}
- --image={{ include "controller.image" .Values.image }}
{{- range .Values.objects.allowedKinds }}
- --allowed-kind={{ .apiVersion }}/{{ .kind }}
{{- end }}
{{- end }}
