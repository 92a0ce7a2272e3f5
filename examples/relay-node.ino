// A node with one relay, for ESP8266 and ESP32, with PubSubClient 2.8. Its user, of the hub:
//   clown-hub user add shed --role node --base nodes/shed/0
#include <ESP8266WiFi.h>
#include <PubSubClient.h>

const char* relay = "nodes/shed/0/relay/lamp";
const char* command = "nodes/shed/0/relay/lamp/set";
const char* status = "nodes/shed/0/status/-";
const int pin = 5;

WiFiClient net;
PubSubClient mqtt(net);

void report() {
  mqtt.publish(relay, digitalRead(pin) ? "{\"state\":true}" : "{\"state\":false}");
}

void obey(char* topic, byte* payload, unsigned int length) {
  String text;
  for (unsigned int i = 0; i < length; i++) text += (char)payload[i];
  if (text.indexOf("true") >= 0) digitalWrite(pin, HIGH);
  if (text.indexOf("false") >= 0) digitalWrite(pin, LOW);
  report();  // What the relay is, and not what was asked.
}

void setup() {
  pinMode(pin, OUTPUT);
  WiFi.begin("network", "password");
  mqtt.setServer("hub.local", 1883);
  mqtt.setKeepAlive(15);  // The hub misses the node after 23 s.
  mqtt.setCallback(obey);
}

void loop() {
  if (!mqtt.connected()) {
    delay(1000);
    if (!mqtt.connect("shed", "shed", "its password", status, 1, true, "{\"online\":false}")) return;
    mqtt.subscribe(command, 1);
    mqtt.publish(status, "{\"online\":true}", true);
    report();
  }
  mqtt.loop();
}
