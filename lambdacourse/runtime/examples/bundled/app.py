import library


def handler(event, context):
    return library.NAME
