# A node with one relay, for MicroPython, with umqtt.simple. Its user, of the hub:
#   clown-hub user add shed --role node --base nodes/shed/0
# The network is connected by boot.py.
import time
from machine import Pin
from umqtt.simple import MQTTClient

RELAY = b"nodes/shed/0/relay/lamp"
COMMAND = b"nodes/shed/0/relay/lamp/set"
STATUS = b"nodes/shed/0/status/-"
pin = Pin(5, Pin.OUT)


def report():
    mqtt.publish(RELAY, b'{"state":true}' if pin.value() else b'{"state":false}')


def obey(topic, payload):
    if b"true" in payload:
        pin.value(1)
    if b"false" in payload:
        pin.value(0)
    report()  # What the relay is, and not what was asked.


mqtt = MQTTClient("shed", "hub.local", user="shed", password="its password", keepalive=15)
mqtt.set_last_will(STATUS, b'{"online":false}', retain=True, qos=1)
mqtt.set_callback(obey)

while True:
    try:
        mqtt.connect()
        mqtt.subscribe(COMMAND, qos=1)
        mqtt.publish(STATUS, b'{"online":true}', retain=True)
        report()
        while True:
            mqtt.check_msg()
            mqtt.ping()
            time.sleep(1)
    except OSError:
        time.sleep(1)
