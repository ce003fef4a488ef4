// What the page says, in both languages.
"use strict";

const TEXTS = {
  es: {
    title: "Teléfono de prueba", call: "Terminar una llamada", name: "Nombre", number: "Número", summary: "Resumen de la llamada",
    manner: "El agente", normal: "conversa", echo: "repite", long: "se extiende", "end-call": "Terminar la llamada",
    ledger: "Cuentas", break: "Romper algo", burst: "Enviar 100 mensajes a la vez", image: "imagen", voice: "nota de voz",
    location: "ubicación", button: "botón", send: "Enviar", sent: "escritos", answered: "contestados", waiting: "en espera",
    lost: "perdidos", doubled: "dobles", out_of_order: "fuera de orden", "twilio-away": "Twilio no responde",
    "twilio-accepts-then-drops": "Twilio acepta y corta", "twilio-too-many": "Twilio dice 429", "agent-slow": "Agente lento",
    "agent-silent": "Agente mudo", "agent-away": "ElevenLabs no responde", kill: "kill -9", start: "arrancar", running: "en marcha",
    stopped: "parado", message: "Mensaje de", chat: "Conversación de", ended: "Llamada terminada:", taken: "mensajes aceptados:",
    "no-answer": "No se pudo:", away: "El teléfono no responde; ¿sigue en marcha `up`?", file: "archivo", video: "video",
    shows: "WhatsApp muestra", "shows-number": "el número", "shows-both": "número e identificador",
    "shows-id": "solo el identificador", move: "Cambiar de número", moved: "El número es ahora",
  },
  en: {
    title: "Test phone", call: "End a call", name: "Name", number: "Number", summary: "The call's summary",
    manner: "The agent", normal: "converses", echo: "repeats", long: "is long-winded", "end-call": "End the call",
    ledger: "Ledger", break: "Break it", burst: "Send 100 messages at once", image: "image", voice: "voice note",
    location: "location", button: "button", send: "Send", sent: "sent", answered: "answered", waiting: "waiting",
    lost: "lost", doubled: "doubled", out_of_order: "out of order", "twilio-away": "Twilio away",
    "twilio-accepts-then-drops": "Twilio accepts, then drops", "twilio-too-many": "Twilio says 429", "agent-slow": "Agent slow",
    "agent-silent": "Agent silent", "agent-away": "ElevenLabs away", kill: "kill -9", start: "start", running: "running",
    stopped: "stopped", message: "Message of", chat: "Conversation of", ended: "Call ended:", taken: "messages taken:",
    "no-answer": "That did not work:", away: "The phone does not answer; is `up` still there?", file: "file", video: "video",
    shows: "WhatsApp shows", "shows-number": "the number", "shows-both": "number and id",
    "shows-id": "the id alone", move: "Change the number", moved: "The number is now",
  },
};
