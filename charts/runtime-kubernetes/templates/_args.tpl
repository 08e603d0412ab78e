{{- define "score-runtime-kubernetes.args" -}}
- --runtime-class={{ .Values.runtime.class }}
- --cluster-domain={{ .Values.runtime.clusterDomain }}
- --pod-security={{ .Values.runtime.podSecurity }}
- --image={{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- range .Values.objects.allowedKinds }}
- --allowed-kind={{ .apiVersion }}/{{ .kind }}
{{- end }}
{{- end }}
