import decimal
import xml.dom.minidom


def handler(event, context):
    return str(decimal.Decimal(1)), xml.dom.minidom.__name__
