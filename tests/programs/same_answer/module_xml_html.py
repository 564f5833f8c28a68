# XML and HTML.
import html, html.parser, xml.etree.ElementTree as ET
root = ET.fromstring("<a x='1'><b>t</b></a>"); print(root.attrib, root[0].text, ET.tostring(root), html.escape("<&>"))
ET.fromstring("<a>")
