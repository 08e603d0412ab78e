{{- define "score-runtime-kubernetes.args" -}}
- --runtime-class={{ .Values.runtime.class }}
- --cluster-domain={{ .Values.runtime.clusterDomain }}
- --pod-security={{ .Values.runtime.podSecurity }}
{{- end }}
