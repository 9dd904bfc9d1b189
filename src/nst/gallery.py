def make(folder):
    return folder
