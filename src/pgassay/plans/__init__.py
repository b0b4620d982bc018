from pgassay.plans.load import Load, Rows, read_load
__all__=["Load","Rows","read_load"]
