# Texts outside of ASCII in source and message.
größe = "zwölf"
raise ValueError(f"größe: {größe} 日本")
