import mailbox
import xml.dom.minidom


def handler(event, context):
    return mailbox.__name__, xml.dom.minidom.__name__
