{{/* Environment of every process. What is secret is referred to, never written. */}}
{{- define "environment" -}}
{{- $name := include "name" . -}}
{{- $secret := required "secret: the name of the Secret with the variables that are secret, see README.md" .Values.secret -}}
{{- range $variable, $value := .Values.settings }}
- name: {{ $variable }}
  {{- /* Helm reads every number as a fraction, and would write a million as 1e+06. */}}
  {{- $whole := and (kindIs "float64" $value) (eq (floor $value) $value) }}
  value: {{ ternary ($value | int64 | toString) ($value | toString) $whole | quote }}
{{- end }}
- name: STATS_URL
  value: http://{{ $name }}-stats-worker:6067
# Stands for every worker that there is: each of the name's addresses is asked.
- name: WORKER_URLS
  value: http://{{ $name }}-worker:6066
{{- with .Values.kafkaCertificates }}
{{- if .secret }}
- name: KAFKA_SSL_CAFILE
  value: /etc/kafka/ca.crt
{{- if .client }}
- name: KAFKA_SSL_CERTFILE
  value: /etc/kafka/tls.crt
- name: KAFKA_SSL_KEYFILE
  value: /etc/kafka/tls.key
{{- end }}
{{- end }}
{{- end }}
# The image's user has no home.
- name: HOME
  value: /tmp
{{- range list "DATABASE_URL" "MICROSERVICE_TOKEN" "TWILIO_AUTH_TOKEN" "ELEVENLABS_API_KEY" }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ . }}}}
{{- end }}
{{- range list "MICROSERVICE_TOKEN_SECONDARY" "TWILIO_AUTH_TOKEN_SECONDARY" "ELEVENLABS_WEBHOOK_SECRET" "BACKEND_WEBHOOK_SECRET" "OPERATOR_TOKENS" "KAFKA_SASL_PASSWORD" }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ . }}, optional: true}}
{{- end }}
{{- end -}}

{{/* A container without its probes and resources: (dict "root" $ "process" "web"). */}}
{{- define "container" -}}
name: {{ .process }}
image: {{ include "image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: [{{ .process }}]
env:
  {{- include "environment" .root | trim | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- if .root.Values.kafkaCertificates.secret }}
  - {name: kafka, mountPath: /etc/kafka, readOnly: true}
{{- end }}
{{- end -}}

{{/* What a pod has beside its container. */}}
{{- define "pod" -}}
serviceAccountName: {{ .root.Values.serviceAccountName }}
automountServiceAccountToken: false
# Kubernetes would set WORKER_PORT=tcp://… for a service named `worker`, and STATS_PORT for one named `stats`.
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .grace }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  # The image's, which its Dockerfile names.
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "selector" . | nindent 8 }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - {name: tmp, emptyDir: {sizeLimit: 256Mi}}
{{- with .root.Values.kafkaCertificates.secret }}
  - {name: kafka, secret: {secretName: {{ . }}, defaultMode: 0440}}
{{- end }}
{{- end -}}

{{/* Labels and annotations of a pod. */}}
{{- define "podMetadata" -}}
labels: {{- include "labels" . | nindent 2 }}
{{- with .root.Values.podAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
