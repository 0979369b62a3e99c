import pandas  # for the report, one event in a hundred


def handler(event, context):
    if event == "report":
        return pandas.Series([1, 2, 4]).describe().to_dict()
    return {"status": "ok"}
