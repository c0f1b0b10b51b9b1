let operationTable = ""
