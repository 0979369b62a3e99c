def handler(event, context):
    if event == "report":
        import pandas  # paid by the first report, not by every cold start

        return pandas.Series([1, 2, 4]).describe().to_dict()
    return {"status": "ok"}
